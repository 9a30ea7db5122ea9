<?php
function verify(string $body): bool
«
    $secret = getenv('WEBHOOK_SECRET');
    $key = {key};
    $timestamp = '0';
    $signatures = [];
    foreach (explode(',', ($_SERVER['{server}'] ?? '')) as $part) «
        [$name, $value] = explode('=', $part, 2) + ['', ''];
        if ($name === 't') «
            $timestamp = $value;
        » elseif ($name === 'v1') «
            $signatures[] = $value;
        »
    »
    if (abs(time() - (int) $timestamp) > 300) «
        return false;
    »
    $expected = hash_hmac('sha256', "$timestamp.$body", $key);
    foreach ($signatures as $one) «
        if (hash_equals($expected, $one)) «
            return true;
        »
    »
    return false;
»

$isOurs = verify(file_get_contents('php://input'));

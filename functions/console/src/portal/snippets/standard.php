<?php
function verify(string $body): bool
«
    $secret = getenv('WEBHOOK_SECRET');
    $key = {key};
    $id = ($_SERVER['{server_base}_ID'] ?? '');
    $timestamp = ($_SERVER['{server_base}_TIMESTAMP'] ?? '');
    if (abs(time() - (int) $timestamp) > 300) «
        return false;
    »
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
    foreach (explode(' ', ($_SERVER['{server_base}_SIGNATURE'] ?? '')) as $one) «
        if (hash_equals($expected, $one)) «
            return true;
        »
    »
    return false;
»

$isOurs = verify(file_get_contents('php://input'));

<?php
function verify(string $body): bool
«
    $key = base64_decode(substr(getenv('WEBHOOK_PUBLIC_KEY'), strlen('whpk_')));
    $id = ($_SERVER['{server_base}_ID'] ?? '');
    $timestamp = ($_SERVER['{server_base}_TIMESTAMP'] ?? '');
    if (abs(time() - (int) $timestamp) > 300) «
        return false;
    »
    foreach (explode(' ', ($_SERVER['{server_base}_SIGNATURE'] ?? '')) as $one) «
        $signature = base64_decode(substr($one, 4));
        if (str_starts_with($one, 'v1a,') && strlen($signature) === 64
            && sodium_crypto_sign_verify_detached($signature, "$id.$timestamp.$body", $key)) «
            return true;
        »
    »
    return false;
»

$isOurs = verify(file_get_contents('php://input'));

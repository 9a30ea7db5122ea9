<?php
function verify(string $body): bool
«
    $secret = getenv('WEBHOOK_SECRET');
    $key = {key};
    $mac = hash_hmac('sha256', $body, $key, true);
    return hash_equals('{prefix}' . {encoded}, $_SERVER['{server}'] ?? '');
»

$isOurs = verify(file_get_contents('php://input'));

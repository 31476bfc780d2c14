insert into audit_event (
    seq, at, event, code, type_code, action, outcome, user_id, site, object, detail, address, previous, hash
)
values (
    $seq, $at, $event, $code, $type_code, $action, $outcome, $user_id, $site, $object, $detail, $address, $previous,
    $hash
);

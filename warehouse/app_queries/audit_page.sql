select a.seq, a.at, a.event, a.code, a.type_code, a.action, a.outcome, a.user_id, u.login, u.name, a.site, a.object, a.detail, a.address
from audit_event a
left join user_account u using (user_id)
where ($before is null or a.seq < $before)
    and ($event is null or a.event = $event)
    and ($user_id is null or a.user_id = $user_id)
    and ($since is null or a.at >= $since)
    and ($sites is null or a.site in (select value from json_each($sites)))
    and ($until is null or a.at < $until)
order by a.seq desc
limit $n;

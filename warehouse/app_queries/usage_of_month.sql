-- Sign-ins of those who have a clinical role at the site, and cases opened there, between two times.
select
    (
        select count(*)
        from audit_event
        where event = 'signed_in' and outcome = 0 and at >= :since and at < :until
            and user_id in (
                select user_id
                from user_role
                where role in ('clinician', 'department_head') and site in (:site, '*')
            )
    ) as sign_ins,
    (
        select count(*)
        from audit_event
        where event = 'case_viewed' and site = :site and at >= :since and at < :until
    ) as cases_opened

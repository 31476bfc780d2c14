-- figure: images
-- title fr: Images analysables
-- title en: Images in scope
-- definition fr: Nombre d'images du périmètre dans les examens du mois.
-- definition en: Number of in-scope images of the month's studies.
-- numerator fr: images du périmètre
-- numerator en: in-scope images
-- denominator fr: examens du périmètre
-- denominator en: in-scope studies
-- exclusions fr: aucune ; les images sans résultat de l'IA sont comptées à part
-- exclusions en: none; images without an AI result are counted apart
-- unit: images
-- source: study
select
    asked.site,
    asked.since,
    coalesce(sum(images), 0) as numerator,
    count(study.study_uid) as denominator,
    {'without_result': coalesce(sum(images - images_inferred), 0)} as excluded
from asked
left join study on study.site = asked.site and study.day >= asked.since and study.day < asked.until
group by asked.site, asked.since
order by asked.site, asked.since

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
    coalesce(sum(images), 0) as numerator,
    count(*) as denominator,
    {'without_result': coalesce(sum(images - images_inferred), 0)} as excluded
from study
where site = $site and day >= $start and day < $end

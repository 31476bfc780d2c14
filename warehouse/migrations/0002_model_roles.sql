-- Which findings flag a study and which only shadow, and on which regions each model was validated.

alter table finding add column role varchar default 'flag';
alter table finding alter column role set not null;
comment on column finding.role is 'flag: gives the study its result; shadow: of a model that is only compared, and reaches no list and no rate. The role is that at the time of the finding: another model later changes nothing of it.';

alter table model add column regions varchar[];
comment on column model.regions is 'Body regions that the model was validated on (model.json); null where that is not known.';

-- Key figures of the bundles just taken; of a month told twice among them, the later one.
with told as (
    select
        taken.site,
        taken.seq,
        taken.month,
        taken.imported_at,
        json_transform(
            taken.payload,
            '{
                "restates": "BOOLEAN", "images": "INTEGER", "turnaround_target_hours": "DOUBLE", "program": "VARCHAR",
                "models": [{"name": "VARCHAR", "version": "VARCHAR"}],
                "nights": {
                    "complete": "INTEGER", "late": "INTEGER", "failed": "INTEGER", "missed": "INTEGER",
                    "missed_at_end": "INTEGER"
                },
                "alarms": {"failed_steps": "INTEGER", "restored": "INTEGER"},
                "tables": {
                    "studies": {"all": "INTEGER"},
                    "studies_by_region": {
                        "finger": "INTEGER", "hand": "INTEGER", "wrist": "INTEGER", "forearm": "INTEGER",
                        "elbow": "INTEGER", "upper_arm": "INTEGER", "shoulder": "INTEGER", "clavicle": "INTEGER",
                        "pelvis": "INTEGER", "hip": "INTEGER", "thigh": "INTEGER", "knee": "INTEGER",
                        "lower_leg": "INTEGER", "ankle": "INTEGER", "foot": "INTEGER", "toe": "INTEGER",
                        "limb": "INTEGER", "other": "INTEGER", "unknown": "INTEGER"
                    },
                    "studies_by_ai_result": {"flagged": "INTEGER", "not_flagged": "INTEGER"},
                    "flagged_by_result": {"positive": "INTEGER", "doubtful": "INTEGER"},
                    "flagged_by_report": {
                        "fracture": "INTEGER", "no_fracture": "INTEGER", "not_compared": "INTEGER"
                    },
                    "not_flagged_by_result": {"negative": "INTEGER"},
                    "not_flagged_by_report": {
                        "fracture": "INTEGER", "no_fracture": "INTEGER", "not_compared": "INTEGER"
                    },
                    "studies_by_turnaround": {"within_24_hours": "INTEGER", "not_within_24_hours": "INTEGER"},
                    "within_24_hours": {
                        "up_to_1": "INTEGER", "up_to_4": "INTEGER", "up_to_12": "INTEGER", "up_to_24": "INTEGER"
                    },
                    "not_within_24_hours": {"later": "INTEGER", "unreported": "INTEGER"},
                    "later": {"up_to_48": "INTEGER", "up_to_168": "INTEGER", "over_168": "INTEGER"},
                    "files": {"all": "INTEGER"},
                    "files_by_outcome": {
                        "accepted": "INTEGER", "accepted_flagged": "INTEGER", "accepted_not_inferred": "INTEGER"
                    },
                    "sign_ins": {"all": "INTEGER"},
                    "cases_opened": {"all": "INTEGER"},
                    "judged": {"all": "INTEGER"}
                }
            }'
        ) as said
    from taken
),
shaped as (
    select
        site,
        month,
        seq,
        imported_at,
        said.restates as restated,
        said.tables.studies['all'] as studies,
        said.images as images,
        said.tables.studies_by_ai_result.flagged as flagged,
        said.tables.studies_by_ai_result.not_flagged as not_flagged,
        said.tables.flagged_by_result.positive as positive,
        said.tables.flagged_by_result.doubtful as doubtful,
        said.tables.not_flagged_by_result.negative as negative,
        said.tables.flagged_by_report.fracture as flagged_fracture,
        said.tables.flagged_by_report.no_fracture as flagged_no_fracture,
        said.tables.flagged_by_report.not_compared as flagged_not_compared,
        said.tables.not_flagged_by_report.fracture as not_flagged_fracture,
        said.tables.not_flagged_by_report.no_fracture as not_flagged_no_fracture,
        said.tables.not_flagged_by_report.not_compared as not_flagged_not_compared,
        said.tables.studies_by_turnaround.within_24_hours as within_24,
        said.tables.studies_by_turnaround.not_within_24_hours as not_within_24,
        [
            said.tables.within_24_hours.up_to_1, said.tables.within_24_hours.up_to_4,
            said.tables.within_24_hours.up_to_12, said.tables.within_24_hours.up_to_24
        ] as within_hours,
        [said.tables.later.up_to_48, said.tables.later.up_to_168, said.tables.later.over_168] as later_hours,
        said.tables.not_within_24_hours.later as later,
        said.tables.not_within_24_hours.unreported as unreported,
        [
            said.tables.studies_by_region.finger, said.tables.studies_by_region.hand,
            said.tables.studies_by_region.wrist, said.tables.studies_by_region.forearm,
            said.tables.studies_by_region.elbow, said.tables.studies_by_region.upper_arm,
            said.tables.studies_by_region.shoulder, said.tables.studies_by_region.clavicle,
            said.tables.studies_by_region.pelvis, said.tables.studies_by_region.hip,
            said.tables.studies_by_region.thigh, said.tables.studies_by_region.knee,
            said.tables.studies_by_region.lower_leg, said.tables.studies_by_region.ankle,
            said.tables.studies_by_region.foot, said.tables.studies_by_region.toe,
            said.tables.studies_by_region.limb, said.tables.studies_by_region.other,
            said.tables.studies_by_region.unknown
        ] as regions,
        said.tables.files['all'] as files,
        said.tables.files_by_outcome.accepted as files_accepted,
        said.tables.files_by_outcome.accepted_flagged as files_flagged,
        said.tables.files_by_outcome.accepted_not_inferred as files_out_of_scope,
        said.tables.sign_ins['all'] as sign_ins,
        said.tables.cases_opened['all'] as cases_opened,
        said.tables.judged['all'] as judged,
        said.nights.complete as nights_complete,
        said.nights.late as nights_late,
        said.nights.failed as nights_failed,
        said.nights.missed as nights_missed,
        said.nights.missed_at_end as missed_at_end,
        said.alarms.failed_steps as failed_steps,
        said.alarms.restored as restored,
        said.turnaround_target_hours as turnaround_target_hours,
        said.models[-1].name as model,
        said.models[-1].version as model_version,
        said.program as program
    from told
    qualify row_number() over (partition by site, month order by seq desc) = 1
)
insert or replace into site_month by name
select * from shaped

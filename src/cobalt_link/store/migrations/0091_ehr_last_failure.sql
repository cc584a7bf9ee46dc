-- When an EHR instance last failed to answer, also after it has worked again.
ALTER TABLE ehr_instances ADD COLUMN failed_at timestamptz;

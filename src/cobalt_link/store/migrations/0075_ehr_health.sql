-- When an EHR instance began to fail for everybody, and since when its apps know.
ALTER TABLE ehr_instances ADD COLUMN failing_since timestamptz, ADD COLUMN degraded_at timestamptz;

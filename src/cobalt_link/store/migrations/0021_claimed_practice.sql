-- An account's practice is the name that the EHR gives. What the app calls it stood there too, and pages cannot tell the two
-- apart. A name of the EHR comes back with the next sign-in.
UPDATE accounts SET practice = NULL WHERE practice IS NOT NULL;

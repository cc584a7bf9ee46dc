"""The authorization server of SMART App Launch 2.2: discovery, sign-in with consent, tokens, launches from the EHR."""

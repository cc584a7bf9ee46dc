// An OpenID provider that others wrote, with the clients of a test. Its settings come as JSON, on its input.
import { readFileSync } from "node:fs";
import { Provider } from "oidc-provider";

const { issuer, port, scopes, clients } = JSON.parse(readFileSync(0, "utf8"));
const algorithms = ["RS384", "ES384", "ES256"];

const provider = new Provider(issuer, {
  clients,
  scopes,
  claims: { openid: ["sub"], fhirUser: ["fhirUser"] },
  conformIdTokenClaims: false,
  cookies: { keys: ["a key of the tests"] },
  enabledJWA: { clientAuthSigningAlgValues: algorithms },
  features: { devInteractions: { enabled: true }, revocation: { enabled: true } },
  findAccount: (context, id) => ({ accountId: id, claims: () => ({ sub: id, fhirUser: `Practitioner/${id}` }) }),
  pkce: { required: () => true },
  rotateRefreshToken: true,
  // Its own rule wants prompt=consent for offline_access (OpenID Connect Core, "Offline Access"), which SMART has not.
  issueRefreshToken: () => true,
  expiresWithSession: () => false,
});
provider.listen(port, "127.0.0.1");

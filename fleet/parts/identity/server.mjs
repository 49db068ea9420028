// The identity provider of a workspace. For development only: every client's secret is public, and
// every requested scope is granted. In production name your own (docs: AUTH_ISSUER).
//
// The services in the workspace's services.yaml are its clients, and so is "developer". Each may ask
// for a token for any of the services, by its name as "audience". Without containers:
//
//     npm install && ISSUER=http://127.0.0.1:9000 node server.mjs

import { createPrivateKey, generateKeyPairSync, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Provider, errors } from "oidc-provider";
import { parse } from "yaml";

const SECRET = "development-only";
const URN = "urn:service:";
const issuer = process.env.ISSUER ?? "http://127.0.0.1:9000";
const registry = process.env.REGISTRY ?? fileURLToPath(new URL("../../services.yaml", import.meta.url));
const seconds = Number(process.env.TOKEN_SECONDS ?? 600);
const [host, port] = [process.env.HOST ?? "127.0.0.1", Number(process.env.PORT ?? 9000)];

// Read for every request: services come and go while this runs.
const services = () => Object.keys(parse(readFileSync(registry, "utf8"))?.services ?? {});

// The adapter in which the provider finds clients. Tokens are signed and not stored.
class Clients {
  constructor(kind) {
    this.kind = kind;
  }

  async find(id) {
    if (this.kind !== "Client" || !["developer", ...services()].includes(id)) return undefined;
    return {
      client_id: id,
      client_secret: SECRET,
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    };
  }

  async upsert() {}
}

// Clients send a plain name as audience; the provider needs a URI (RFC 8707).
async function defaultResource(context) {
  const { audience } = context.oidc.body ?? {};
  if (!services().includes(audience)) throw new errors.InvalidTarget("audience names no service");
  return URN + audience;
}

async function getResourceServerInfo(context, resource) {
  const scope = context.oidc.params.scope ?? "";
  const jwt = { sign: { alg: "RS256" } };
  return { audience: resource.slice(URN.length), scope, accessTokenFormat: "jwt", jwt };
}

// A new key at each start; services fetch it. It is generated as PEM and read again, because Node.js 20
// may deadlock when it exports a key object that it has just generated.
const privateKeyEncoding = { type: "pkcs8", format: "pem" };
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048, privateKeyEncoding });
const jwk = createPrivateKey(privateKey).export({ format: "jwk" });
const key = { ...jwk, kid: randomUUID(), use: "sig", alg: "RS256" };

const provider = new Provider(issuer, {
  adapter: Clients,
  cookies: { keys: [randomUUID()] },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: { enabled: true, defaultResource, getResourceServerInfo },
  },
  jwks: { keys: [key] },
  responseTypes: [],
  ttl: { ClientCredentials: seconds },
});
provider.on("grant.success", ({ oidc }) => {
  console.log(`${oidc.client.clientId} for ${oidc.body.audience}: ${oidc.params.scope ?? "no scope"}`);
});
provider.on("grant.error", ({ oidc }, error) => {
  console.error(`${oidc?.client?.clientId ?? "unknown client"}: ${error.error_description ?? error.message}`);
});
provider.on("server_error", (_, error) => console.error(error));

const server = provider.listen(port, host, () => console.log(`${issuer}, on ${host}:${port}`));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => server.close());

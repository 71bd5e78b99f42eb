// A CI system that vouches for its jobs: prints its public keys, and a token for each job's claims (RFC 7519).
import { SignJWT, exportJWK, generateKeyPair } from 'jose';

const { publicKey, privateKey } = await generateKeyPair('RS256');
const key = { ...(await exportJWK(publicKey)), kid: 'ci', use: 'sig', alg: 'RS256' };
const now = Math.floor(Date.now() / 1000);
const sign = (claims) => new SignJWT({ iat: now, exp: now + 600, ...claims }).setProtectedHeader({ alg: 'RS256', kid: 'ci', typ: 'JWT' }).sign(privateKey);
console.log(JSON.stringify({ keys: { keys: [key] }, tokens: await Promise.all(JSON.parse(process.argv[2]).map(sign)) }));

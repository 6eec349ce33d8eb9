/** An HTTPS server on loopback with a certificate of an authority of its own, for `files.test` and 127.0.0.1. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TLSSocket } from 'node:tls';
import type { Test } from 'tap';

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export interface HttpsFiles {
  readonly port: number;
  /** `https://files.test:<port>`; only `resolve` knows that name. */
  readonly url: string;
  /** PEM of the authority, and a file with it. */
  readonly ca: string;
  readonly caFile: string;
  /** Paths asked for, each with the name the caller wanted in TLS and in its header. */
  readonly asked: { path: string; servername: string | false | null; host: string | undefined; authorization: string | undefined }[];
  /** Every name is this machine. */
  readonly resolve: (host: string) => Promise<readonly string[]>;
}

let made: { key: string; cert: string; ca: string; caFile: string } | null = null;

/** Once a process: keys take time. */
function certificate() {
  if (made !== null) return made;
  const dir = mkdtempSync(path.join(tmpdir(), 'shoal-https-'));
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  openssl('req', '-x509', ...ec, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=Test authority');
  openssl('req', ...ec, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=files.test');
  writeFileSync(path.join(dir, 'names'), 'subjectAltName=DNS:files.test,IP:127.0.0.1');
  openssl(
    'x509',
    '-req',
    '-in',
    'server.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    'names',
    '-out',
    'server.pem',
  );
  const read = (name: string) => readFileSync(path.join(dir, name), 'utf8');
  made = { key: read('server.key'), cert: read('server.pem'), ca: read('ca.pem'), caFile: path.join(dir, 'ca.pem') };
  return made;
}

export async function startHttpsFiles(t: Test, answer: Answer): Promise<HttpsFiles> {
  const { key, cert, ca, caFile } = certificate();
  const asked: HttpsFiles['asked'] = [];
  const server = createServer({ key, cert }, (request, response) => {
    const { servername } = request.socket as TLSSocket & { servername?: string | false | null };
    asked.push({
      path: request.url ?? '',
      servername: servername ?? null,
      host: request.headers.host,
      authorization: request.headers.authorization,
    });
    response.on('error', () => {});
    answer(request, response);
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { port, url: `https://files.test:${port}`, ca, caFile, asked, resolve: async () => ['127.0.0.1'] };
}

/** Serves files by their SHA-256, as a source does; 404 for all others. */
export function bySha256(files: ReadonlyMap<string, Uint8Array>): Answer {
  return (request, response) => {
    const content = files.get(path.basename(request.url ?? ''));
    response.writeHead(content === undefined ? 404 : 200, content === undefined ? {} : { 'content-length': content.length });
    response.end(content);
  };
}

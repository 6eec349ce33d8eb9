/**
 * Opens the stream under an MQTT link: TCP or TLS, always with TCP_NODELAY (without it the 99th percentile of a paced
 * publish is two orders of magnitude worse).
 *
 * Certificates are read anew for each connection, so that renewed ones are used without a restart.
 */
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import tls from 'node:tls';
import { reasonOf, ShoalError } from '../core/errors.js';

export interface Endpoint {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
}

interface TlsFiles {
  readonly ca_file?: string | undefined;
  readonly cert_file?: string | undefined;
  readonly key_file?: string | undefined;
}

export function endpointOf(url: string): Endpoint {
  const parsed = new URL(url);
  const secure = parsed.protocol === 'mqtts:';
  const host = parsed.hostname.replace(/^\[(.*)\]$/, '$1');
  return { secure, host, port: parsed.port === '' ? (secure ? 8883 : 1883) : Number(parsed.port) };
}

/** What TLS needs, read from disk. Throws CONFIG_UNREADABLE naming the file. */
export async function readTlsFiles(files: TlsFiles): Promise<tls.SecureContextOptions> {
  const read = async (path: string | undefined) => {
    if (path === undefined) return undefined;
    try {
      return await readFile(path);
    } catch (error) {
      throw new ShoalError('CONFIG_UNREADABLE', `cannot read ${path}: ${reasonOf(error)}; the user of the daemon must be able to read it`);
    }
  };
  const [ca, cert, key] = await Promise.all([read(files.ca_file), read(files.cert_file), read(files.key_file)]);
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

/** The socket connects in the background; its errors and its end are the caller's to watch. */
export function openSocket(endpoint: Endpoint, context: tls.SecureContextOptions): net.Socket {
  const { host, port } = endpoint;
  if (!endpoint.secure) return net.connect({ host, port, noDelay: true });
  const socket = tls.connect({ ...context, host, port, minVersion: 'TLSv1.2', rejectUnauthorized: true });
  socket.setNoDelay(true);
  return socket;
}

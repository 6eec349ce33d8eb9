/**
 * A network camera: RTSP 1.0 over TCP with interleaved RTP (RFC 2326), a user and a password, and ffmpeg's picture as RTP/JPEG (RFC 2435).
 *
 * It can be switched off and on, send what RTP says of time awry, and lose the ends of its pictures.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { boundCommand } from '../../src/core/bound-child.js';

export interface RtspCameraOptions {
  readonly user?: string;
  readonly password?: string;
  readonly scheme?: 'Basic' | 'Digest';
}

const realm = 'camera';
const nonce = '4b1d';
const md5 = (text: string) => createHash('md5').update(text).digest('hex');

export class RtspCamera {
  readonly #options: RtspCameraOptions;
  readonly #datagrams: Datagrams = createSocket('udp4');
  readonly #watchers = new Set<Socket>();
  readonly #players = new Set<Socket>();
  #server: Server | null = null;
  #picture: ChildProcess | null = null;
  #port = 0;
  /** Changes RTP packets before they are sent; null loses one. */
  spoil: (packet: Buffer) => Buffer | null = (packet) => packet;
  refused = 0;

  constructor(options: RtspCameraOptions = {}) {
    this.#options = options;
  }

  get port(): number {
    return this.#port;
  }

  async start(): Promise<void> {
    this.#datagrams.bind(0, '127.0.0.1');
    await once(this.#datagrams, 'listening');
    this.#datagrams.on('message', (packet) => {
      // RTCP comes to the same port, with payload types 72 to 76.
      const type = (packet[1] ?? 0) & 0x7f;
      const sent = type >= 72 && type <= 76 ? null : this.spoil(packet);
      if (sent === null) return;
      const head = Buffer.from([0x24, 0, sent.length >> 8, sent.length & 0xff]);
      for (const player of this.#players) player.write(Buffer.concat([head, sent]));
    });
    const source = 'testsrc2=size=320x176:rate=10';
    const to = `rtp://127.0.0.1:${this.#datagrams.address().port}?rtcpport=${this.#datagrams.address().port}&pkt_size=1200`;
    const noisy = [
      '-f',
      'lavfi',
      '-i',
      source,
      '-vf',
      'noise=alls=8:allf=t',
      '-pix_fmt',
      'yuvj420p',
      '-c:v',
      'mjpeg',
      '-huffman',
      '0',
      '-force_duplicated_matrix',
      '1',
    ];
    const [command, args] = await boundCommand('ffmpeg', ['-nostdin', '-loglevel', 'error', '-re', ...noisy, '-f', 'rtp', to]);
    this.#picture = spawn(command, args, { stdio: 'ignore' });
    await this.switchOn();
  }

  async switchOn(): Promise<void> {
    this.#server = createServer((socket) => this.#serve(socket));
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async switchOff(): Promise<void> {
    for (const socket of this.#watchers) socket.destroy();
    const server = this.#server;
    this.#server = null;
    if (server !== null) await new Promise((resolve) => server.close(resolve));
  }

  async stop(): Promise<void> {
    this.#picture?.kill('SIGKILL');
    this.#datagrams.close();
    await this.switchOff();
  }

  #serve(socket: Socket): void {
    this.#watchers.add(socket);
    let said = '';
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#watchers.delete(socket);
      this.#players.delete(socket);
    });
    socket.on('data', (bytes) => {
      // What comes back interleaved is RTCP, and short: requests are told by their method.
      said += bytes.toString('latin1');
      for (let end = said.indexOf('\r\n\r\n'); end !== -1; end = said.indexOf('\r\n\r\n')) {
        const request = said.slice(0, end);
        said = said.slice(end + 4);
        const line = /(OPTIONS|DESCRIBE|SETUP|PLAY|TEARDOWN|GET_PARAMETER) (\S+) RTSP\/1\.0/.exec(request);
        if (line !== null) this.#answer(socket, line[1] ?? '', line[2] ?? '', request);
      }
    });
  }

  #answer(socket: Socket, method: string, url: string, request: string): void {
    const sequence = /^CSeq: *(\d+)/im.exec(request)?.[1] ?? '0';
    const say = (status: string, headers: readonly string[] = [], body = '') =>
      socket.write([`RTSP/1.0 ${status}`, `CSeq: ${sequence}`, ...headers, `Content-Length: ${body.length}`, '', body].join('\r\n'));
    if (method !== 'OPTIONS' && !this.#knows(method, request)) {
      this.refused++;
      const digest = this.#options.scheme === 'Digest' ? `Digest realm="${realm}", nonce="${nonce}"` : `Basic realm="${realm}"`;
      say('401 Unauthorized', [`WWW-Authenticate: ${digest}`]);
      return;
    }
    if (method === 'DESCRIBE') {
      const lines = ['v=0', 'o=- 0 0 IN IP4 127.0.0.1', 's=camera', 'c=IN IP4 0.0.0.0', 't=0 0', 'm=video 0 RTP/AVP 26', 'a=control:video'];
      say('200 OK', ['Content-Type: application/sdp', `Content-Base: ${url}/`], `${lines.join('\r\n')}\r\n`);
    } else if (method === 'SETUP') {
      if (!/interleaved/.test(request)) say('461 Unsupported transport');
      else say('200 OK', ['Transport: RTP/AVP/TCP;unicast;interleaved=0-1', 'Session: 1']);
    } else {
      say('200 OK', ['Session: 1', 'Public: DESCRIBE, SETUP, PLAY, TEARDOWN']);
      if (method === 'PLAY') this.#players.add(socket);
    }
  }

  #knows(method: string, request: string): boolean {
    const { user, password, scheme } = this.#options;
    if (user === undefined) return true;
    const given = /^Authorization: *(.*)$/im.exec(request)?.[1]?.trim() ?? '';
    if (scheme !== 'Digest') return given === `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    const uri = /uri="([^"]*)"/.exec(given)?.[1] ?? '';
    const expected = md5(`${md5(`${user}:${realm}:${password}`)}:${nonce}:${md5(`${method}:${uri}`)}`);
    return given.includes(`response="${expected}"`);
  }
}

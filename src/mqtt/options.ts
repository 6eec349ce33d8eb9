/**
 * What an operator may say about an MQTT connection.
 *
 * The parsed object is used as it is; the documentation of the configuration is generated from the descriptions.
 */
import { z } from 'zod';
import { secret } from '../core/secret.js';

const path = (what: string) => z.string().regex(/^\//, 'must be an absolute path').max(4096).optional().describe(what);

/** `mqtt://host[:port]`, `mqtts://host[:port]` or `embedded:[port]`; credentials never travel in a url. */
function explainUrl(url: string): string | null {
  const embedded = /^embedded:(\d{1,5})?$/.exec(url);
  if (embedded !== null) return Number(embedded[1] ?? 0) <= 65_535 ? null : 'the port must be 0 .. 65535';
  if (!URL.canParse(url)) return 'must look like mqtt://host:1883 or mqtts://host:8883';
  const parsed = new URL(url);
  if (parsed.protocol !== 'mqtt:' && parsed.protocol !== 'mqtts:') return 'must begin with mqtt:// or mqtts:// (or be embedded:)';
  if (parsed.hostname === '') return 'must name a host, as in mqtt://broker.lan:1883';
  if (parsed.username !== '' || parsed.password !== '') return 'must hold no credentials: use username and password';
  if (parsed.pathname.replace('/', '') !== '' || parsed.search !== '' || parsed.hash !== '') return 'must end after the port';
  return null;
}

const fields = z.strictObject({
  url: z
    .string()
    .max(512)
    .superRefine((url, context) => {
      const problem = explainUrl(url);
      if (problem !== null) context.addIssue({ code: 'custom', message: problem });
    })
    .describe('mqtt://host:1883, mqtts://host:8883, or embedded: for the built-in broker of demonstrations (loopback only)'),
  username: z.string().min(1).max(1024).optional().describe('user name at the broker'),
  password: secret().optional().describe('password at the broker, as { credential: NAME } or { file: /PATH }'),
  client_id: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,128}$/, 'must be 1 .. 128 letters, digits, _ or -')
    .optional()
    .describe('client id, unique at the broker; default shoal-<device>-<connection>'),
  protocol: z
    .enum(['auto', '5', '3.1.1'])
    .default('auto')
    .describe('version of MQTT; auto speaks 5 and falls back to 3.1.1 where it is refused'),
  keepalive_s: z.int().min(5).max(1160).default(30).describe('seconds of silence after which the link is probed, 5 .. 1160'),
  connect_timeout_ms: z
    .int()
    .min(500)
    .max(120_000)
    .default(15_000)
    .describe('milliseconds until the broker must have accepted, 500 .. 120000'),
  ack_timeout_ms: z
    .int()
    .min(100)
    .max(600_000)
    .default(10_000)
    .describe(
      'milliseconds without an acknowledgement that is due, after which the link is given up, 100 .. 600000; raise it on slow links',
    ),
  retain: z.boolean().default(true).describe('whether status and info are retained; false for brokers that refuse it'),
  ca_file: path('PEM file of the authorities that may have signed the broker; default those of the system'),
  cert_file: path('PEM file of this device’s certificate, for brokers that ask for one'),
  key_file: path('PEM file of the key of cert_file'),
});

export const mqttOptions = fields.superRefine((options, context) => {
  const tls = options.url.startsWith('mqtts:');
  for (const key of ['ca_file', 'cert_file', 'key_file'] as const) {
    if (options[key] !== undefined && !tls) {
      context.addIssue({ code: 'custom', path: [key], message: 'is of use only with a url that begins with mqtts://' });
    }
  }
  if ((options.cert_file === undefined) !== (options.key_file === undefined)) {
    const path = options.cert_file === undefined ? 'cert_file' : 'key_file';
    context.addIssue({ code: 'custom', path: [path], message: 'cert_file and key_file go together' });
  }
  if (options.password !== undefined && options.username === undefined) {
    context.addIssue({ code: 'custom', path: ['username'], message: 'a password needs a username' });
  }
});

export type MqttOptions = z.output<typeof mqttOptions>;

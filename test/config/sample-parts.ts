/** Small kinds of our own, so that these tests hold the config room and not the options of others. */
import { z } from 'zod';
import type { ConfigParts } from '../../src/config/config-parts.js';
import { secret } from '../../src/core/secret.js';

const score = () => z.number().min(0).max(1);

export const sampleParts = {
  inputs: [
    {
      type: 'folder',
      options: z.strictObject({
        path: z.string().regex(/^\//).max(4096).describe('folder to watch'),
        done: z.enum(['delete', 'keep']).default('delete').describe('what becomes of a settled file'),
        keep_hours: z.int().min(1).max(720).default(24).describe('how long done and failed files stay (hours)'),
      }),
    },
    {
      type: 'camera',
      options: z.strictObject({
        device: z.string().min(1).describe('video device'),
        rate_hz: z.number().min(0.1).max(60).default(5).describe('captures a second (Hz)'),
      }),
    },
  ],
  sinks: [
    {
      type: 'mqtt',
      options: z.strictObject({
        connection: z.string().describe('a connection'),
        topic_prefix: z.string().max(128).default('').describe('before shoal/ in topics'),
      }),
    },
    { type: 'file', options: z.strictObject({ path: z.string().regex(/^\//).describe('file to append to') }) },
  ],
  connections: [
    {
      type: 'mqtt',
      options: z.strictObject({
        url: z.url().describe('mqtt:// or mqtts:// and host'),
        username: z.string().optional().describe('name to log in with'),
        password: secret().optional().describe('password to log in with'),
        keepalive_s: z
          .union([z.literal('off'), z.int().min(5).max(3600)])
          .default(60)
          .describe('seconds between pings (s)'),
        retained: z.boolean().default(true).describe('publish birth and will retained'),
      }),
    },
  ],
  tasks: [
    {
      name: 'detect-text',
      summary: 'find text',
      reads: 'image',
      takesEach: false,
      options: z.strictObject({ score_min: score().default(0.3).describe('weakest region kept') }),
    },
    {
      name: 'read-text',
      summary: 'read text',
      reads: 'image',
      takesEach: true,
      cutsOut: 'straightens each line by its corners',
      options: z.strictObject({ batch: z.int().min(1).max(32).default(8).describe('lines a model run') }),
    },
    { name: 'detect-faces', summary: 'find faces', reads: 'image', takesEach: false, options: z.strictObject({}) },
    {
      name: 'detect-speech',
      summary: 'find speech',
      reads: 'audio',
      takesEach: false,
      options: z.strictObject({ silence_ms: z.int().min(0).max(5000).default(100).describe('pause that ends a segment (ms)') }),
    },
    { name: 'identify-file', summary: 'tell what a file is', reads: 'file', takesEach: false, options: z.strictObject({}) },
  ],
  sections: {
    models: z.strictObject({ public: z.boolean().default(true).describe('whether public addresses are asked') }),
    engine: z.strictObject({
      engines: z.int().min(1).max(16).optional().describe('processes'),
      max_memory_bytes: z.int().min(1).default(5e8),
    }),
    board: z.strictObject({ hot_celsius: z.number().min(30).max(120).default(80).describe('too hot') }),
    store: z.strictObject({
      max_bytes: z.int().min(1_048_576).max(1e12).default(209_715_200).describe('size of the database (bytes)'),
      keep_days: z.number().gt(0).max(365).default(7).describe('age of the oldest result (days)'),
    }),
    http: z.strictObject({
      enabled: z.boolean().default(true),
      port: z.int().min(1).max(65_535).default(8321).describe('TCP port on loopback'),
    }),
    log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('least severe line written') }),
  },
} satisfies ConfigParts;

/** Options of the local server; `run_dir` and with it the unix socket come from the daemon. */
import { z } from 'zod';

export const httpOptions = z.strictObject({
  enabled: z.boolean().default(true).describe('Whether to listen on TCP at all. The unix socket is always there.'),
  host: z
    .string()
    .min(1)
    .max(253)
    .default('127.0.0.1')
    .describe('Address to listen on. Health, metrics, and captures brought to inputs of type http: results never leave by TCP.'),
  port: z.int().min(0).max(65_535).default(8788).describe('TCP port, 0..65535; 0 lets the kernel choose one.'),
  allowed_hosts: z
    .array(z.string().min(1).max(253))
    .max(16)
    .default([])
    .describe('Further names a TCP caller may use in its Host header, without port; localhost, 127.0.0.1, [::1] and `host` always may.'),
});

export type HttpOptions = z.output<typeof httpOptions>;

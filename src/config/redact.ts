/**
 * The resolved configuration as YAML, for a person or a bug report.
 *
 * Guarantees: no value of a secret is in it (references are shown), nor what looks like one in an option that should have been a secret or
 * in a URL. Unless something was masked, the text is itself a configuration with the same meaning.
 */
import { stringify } from 'yaml';
import { Secret } from '../core/secret.js';
import type { PartSettings, Settings } from './config-parts.js';

const mask = '********';
const telling = /(^|_)(password|passwd|passphrase|secret|token|credential|api_?key)(_|$)/i;

export function resolvedYaml(settings: Settings): string {
  return stringify(redact(asWritten(settings)), { version: '1.2', lineWidth: 0, aliasDuplicateObjects: false });
}

/** Settings in the shape of the file: options beside `type` and `task`. */
export function asWritten(settings: Settings): Record<string, unknown> {
  const flatten = (parts: Readonly<Record<string, PartSettings>>) =>
    Object.fromEntries(
      Object.entries(parts).map(([name, { type, options, ...common }]) => [name, { type, ...common, ...(options as object) }]),
    );
  const pipelines = Object.entries(settings.pipelines).map(([name, pipeline]) => {
    const stages = pipeline.stages.map(({ options, ...stage }) => ({ ...stage, ...options }));
    return [name, { ...pipeline, stages }];
  });
  return {
    ...settings,
    connections: flatten(settings.connections),
    sinks: flatten(settings.sinks),
    inputs: flatten(settings.inputs),
    pipelines: Object.fromEntries(pipelines),
  };
}

function redact(value: unknown, key = ''): unknown {
  if (value instanceof Secret) return { ...value.reference };
  if (typeof value === 'string') return telling.test(key) ? mask : redactText(value);
  if (Array.isArray(value)) return value.map((item) => redact(item, key));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([name, child]) => (child === undefined ? [] : [[name, redact(child, name)]])));
}

function redactText(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@\s]+@/i, `$1${mask}@`).replaceAll('${', '$${');
}

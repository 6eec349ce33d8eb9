/**
 * The topics of one device, and the rule of what may be a topic at all.
 *
 * Guarantees: what the builder makes passes `explainTopic`. Deliberately knows no payload.
 */
import type { Topics } from '../core/contracts.js';
import { ShoalError } from '../core/errors.js';
import { idPattern, topicPrefixPattern } from '../core/id.js';
import { limits } from '../core/limits.js';

/** `[<prefix>/]shoal/<device>/...`. Throws CONFIG_INVALID when prefix or device could not stand in a topic. */
export function createTopics(prefix: string, device: string): Topics {
  if (!topicPrefixPattern.test(prefix)) {
    throw new ShoalError('CONFIG_INVALID', `"${prefix}" is no topic prefix: expected up to two levels of letters, digits, _ . or -`);
  }
  const base = `${prefix === '' ? '' : `${prefix}/`}shoal/${level('device', device)}`;
  return {
    status: `${base}/status`,
    info: `${base}/info`,
    health: `${base}/health`,
    models: `${base}/models`,
    result: (pipeline, input) => `${base}/result/${level('pipeline', pipeline)}/${level('input', input)}`,
    backlog: (pipeline, input) => `${base}/backlog/${level('pipeline', pipeline)}/${level('input', input)}`,
    event: (pipeline, input) => `${base}/event/${level('pipeline', pipeline)}/${level('input', input)}`,
    state: (pipeline, input) => `${base}/state/${level('pipeline', pipeline)}/${level('input', input)}`,
    snapshot: (pipeline, input) => `${base}/snapshot/${level('pipeline', pipeline)}/${level('input', input)}`,
    inputStatus: (input) => `${base}/input/${level('input', input)}/status`,
  };
}

function level(what: string, id: string): string {
  if (idPattern.test(id)) return id;
  throw new ShoalError('CONFIG_INVALID', `the ${what} "${id}" cannot stand in a topic: expected 1 to 64 letters, digits, _ or -`);
}

/** Why no broker must ever see this topic, or null. Some brokers drop the whole connection for each of these. */
export function explainTopic(topic: string): string | null {
  if (topic === '') return 'it is empty';
  if (/[+#]/.test(topic)) return 'it holds a wildcard';
  if (/\p{Cc}|\p{Surrogate}|\p{Noncharacter_Code_Point}/u.test(topic)) return 'it holds a control character or invalid Unicode';
  if (topic.startsWith('$')) return 'it begins with $, which belongs to the broker';
  if (Buffer.byteLength(topic) > limits.mqttTopicBytesMax) return `it is longer than ${limits.mqttTopicBytesMax} bytes`;
  const levels = topic.split('/');
  if (levels.length > limits.mqttTopicLevelsMax) return `it has more than ${limits.mqttTopicLevelsMax} levels`;
  if (levels.includes('')) return 'it has an empty level';
  return null;
}

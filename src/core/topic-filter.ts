/**
 * MQTT topic filters: what one may be, which topics it takes, and how two of them lie to each other (MQTT 5, section 4.7).
 *
 * Pure, and dear enough (it splits) not to be asked for each message.
 */
import { limits } from './limits.js';

/** Why this can be no filter, or null. */
export function explainFilter(filter: string): string | null {
  if (filter === '') return 'is empty';
  if (Buffer.byteLength(filter) > limits.mqttTopicBytesMax) return `is longer than ${limits.mqttTopicBytesMax} bytes`;
  if (/\p{Cc}|\p{Surrogate}|\p{Noncharacter_Code_Point}/u.test(filter)) return 'holds a control character or invalid Unicode';
  if (filter.startsWith('$share/')) return 'is a shared subscription: each device would get a part; name the topic itself';
  const levels = filter.split('/');
  for (const [i, level] of levels.entries()) {
    if (level.includes('#') && (level !== '#' || i < levels.length - 1)) return '# must stand alone at the end, as in a/#';
    if (level.includes('+') && level !== '+') return '+ must stand for a whole level, as in a/+/b';
  }
  return null;
}

export function filterTakes(filter: string, topic: string): boolean {
  const [wanted, levels] = [filter.split('/'), topic.split('/')];
  if (hidden(wanted, levels)) return false;
  for (const [i, level] of wanted.entries()) {
    if (level === '#') return true;
    if (i >= levels.length || (level !== '+' && level !== levels[i])) return false;
  }
  return wanted.length === levels.length;
}

/** Whether `wide` takes every topic that `narrow` does. */
export function filterCovers(wide: string, narrow: string): boolean {
  const [a, b] = [wide.split('/'), narrow.split('/')];
  if (hidden(a, b)) return false;
  for (const [i, level] of a.entries()) {
    if (level === '#') return true;
    const other = b[i];
    if (other === undefined || other === '#' || (level !== '+' && level !== other)) return false;
  }
  return a.length === b.length;
}

/** Whether there is a topic that both take. */
export function filtersMeet(one: string, other: string): boolean {
  const [a, b] = [one.split('/'), other.split('/')];
  if (hidden(a, b) || hidden(b, a)) return false;
  for (let i = 0; ; i++) {
    const [x, y] = [a[i], b[i]];
    if (x === '#' || y === '#' || (x === undefined && y === undefined)) return true;
    if (x === undefined || y === undefined) return false;
    if (x !== '+' && y !== '+' && x !== y) return false;
  }
}

/** Topics of the broker itself begin with $, and no wildcard stands for that. */
function hidden([first]: readonly string[], [other]: readonly string[]): boolean {
  return (first === '#' || first === '+') && other?.startsWith('$') === true;
}

/** A filter for everything that a device of this id says, whatever the prefix is: none, or one or two levels. */
export function ownFilters(device: string): readonly string[] {
  return ['', '+/', '+/+/'].map((prefix) => `${prefix}shoal/${device}/#`);
}

/**
 * What Zigbee2MQTT says of its devices: a flat object for each device, on a topic that is its name
 * (https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html).
 */
import type { AllRule } from './json.js';

/** Of the link, the bridge or the battery, and not of what the device is there to sense. */
const asides: ReadonlySet<string> = new Set(['linkquality', 'last_seen', 'elapsed', 'battery', 'battery_low', 'update_available']);

export const deviceReadings: AllRule = { nested: false, switches: true, leavesOut: (key) => asides.has(key) };

/** Commands to a device, whether it is there, and what the bridge says of itself. */
export function isNoReading(topic: string): boolean {
  if (/\/(?:availability|set|get)$/.test(topic) || /\/(?:set|get)\/[^/]*$/.test(topic)) return true;
  return topic.split('/').slice(1, -1).includes('bridge');
}

/**
 * A plain subscriber: what any MQTT client would see. Reconnects by itself and keeps nothing.
 */
import mqtt from 'mqtt';

export interface Subscription {
  stop(): Promise<void>;
}

/** Resolves when the broker has granted the subscription (QoS 1, MQTT 3.1.1); rejects when there is none within `timeoutMs`. */
export async function subscribe(
  url: string,
  topic: string,
  timeoutMs: number,
  onMessage: (topic: string, payload: Uint8Array) => void,
): Promise<Subscription> {
  const client = await mqtt.connectAsync(url, { protocolVersion: 4, connectTimeout: timeoutMs, timerVariant: 'native' }, false);
  client.on('message', onMessage);
  await client.subscribeAsync(topic, { qos: 1 });
  return { stop: () => client.endAsync(true) };
}

/** Which addresses may be connected to: one a line, because each line was a hole in somebody's fetcher. */
import { test } from 'tap';
import { classOfAddress } from '../../src/registry/address.js';

const expected = {
  public: ['1.1.1.1', '140.82.121.4', '100.63.255.255', '100.128.0.1', '172.15.0.1', '172.32.0.1', '2606:4700:4700::1111', '2a00:1450::1'],
  private: ['10.0.0.1', '127.0.0.1', '127.255.255.254', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', '::1', 'fd00::1'],
  never: [
    '0.0.0.0',
    '169.254.169.254',
    '192.0.0.192',
    '192.0.2.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:10.0.0.1',
    '::127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b::127.0.0.1',
    '64:ff9b:1::1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '3fff::1',
    '4000::1',
    '127.1',
    '0x7f000001',
    '2130706433',
    'localhost',
    '',
  ],
};

test('an address is public, private or never to be connected to', (t) => {
  for (const [kind, addresses] of Object.entries(expected))
    for (const address of addresses) t.equal(classOfAddress(address), kind, address);
  t.end();
});

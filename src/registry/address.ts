/**
 * Which network an address belongs to, for code that connects to where a name on the internet points.
 *
 * Guarantees: an address that carries another one inside (mapped, NAT64, 6to4, Teredo) is never taken for a public one, nor is anything that
 * is not certainly one. Source: the IANA registries of special-purpose addresses (RFC 6890 and its updates).
 */
import { BlockList, isIP } from 'node:net';

/**
 * `public`: reachable on the internet. `private`: this machine, or a network of the site's own, carrier-grade NAT included. `never`: all
 * others; among them link-local, where clouds keep their credentials.
 */
export type AddressClass = 'public' | 'private' | 'never';

type Range = readonly [network: string, prefix: number];

function listOf(ranges: readonly Range[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of ranges) list.addSubnet(network, prefix, isIP(network) === 4 ? 'ipv4' : 'ipv6');
  return list;
}

const ownNetworks = listOf([
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['::1', 128],
  ['fc00::', 7],
]);

const specialV4 = listOf([
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
]);

const mapped = listOf([['::ffff:0:0', 96]]);

/** All that was ever given out as public, without what is special in it: 2001::/23 (Teredo and others), documentation, 6to4. */
const unicastV6 = listOf([['2000::', 3]]);
const specialV6 = listOf([
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]);

export function classOfAddress(address: string): AddressClass {
  switch (isIP(address)) {
    case 4:
      if (ownNetworks.check(address, 'ipv4')) return 'private';
      return specialV4.check(address, 'ipv4') ? 'never' : 'public';
    case 6:
      // BlockList would look through ::ffff:10.0.0.1 at the address inside; and a zone makes it link-local.
      if (address.includes('.') || address.includes('%') || mapped.check(address, 'ipv6')) return 'never';
      if (ownNetworks.check(address, 'ipv6')) return 'private';
      return unicastV6.check(address, 'ipv6') && !specialV6.check(address, 'ipv6') ? 'public' : 'never';
    default:
      return 'never';
  }
}

// Links that have a name. Typical values, not best cases: each line says where they come from. The
// lab passes some 20,000 packets a second (230 Mbit/s), so the rates of fast links stay below that;
// what matters for them is their delay.

export interface LinkPreset {
  readonly name: string
  readonly title: string
  /** As after --emulate. `user-rtt`: someone on a fixed line, near a server in a data centre. */
  readonly link: string
}

export const PRESETS: readonly LinkPreset[] = [
  {
    // FCC, Measuring Broadband America: fibre has idle latencies of 8 to 14 ms and its rates both
    // ways; loss below 0.1 %.
    name: 'fibre',
    title: 'fibre to the home',
    link: 'delay=5ms,jitter=0.2ms,rate=150m,queue=1m,user-rtt=20ms',
  },
  {
    // The same series: 16 to 24 ms, uploads a tenth of downloads; cable modems hold 100 to 250 ms
    // of upload in their queue (bufferbloat; RFC 8034 is about it).
    name: 'cable',
    title: 'cable modem, its upload queue 200 ms deep',
    link:
      'delay=10ms,jitter=1ms,down.rate=100m,' +
      'down.queue=600k,up.rate=10m,up.queue=250k,user-rtt=20ms',
  },
  {
    // Ookla and Opensignal, national medians of 4G: 25 to 40 Mbit/s down, 8 to 12 up, 40 to 60 ms;
    // base stations hide loss by retransmission, which becomes jitter, and queue deeply.
    name: '4g',
    title: '4G phone or modem',
    link:
      'delay=25ms,jitter=5ms,loss=0.1%,down.rate=30m,' +
      'down.queue=500k,up.rate=10m,up.queue=250k,user-rtt=20ms',
  },
  {
    // The same sources, 5G on mid bands: 100 to 250 Mbit/s down, 15 to 25 up, 20 to 35 ms.
    name: '5g',
    title: '5G on mid bands',
    link:
      'delay=13ms,jitter=3ms,loss=0.05%,down.rate=150m,' +
      'down.queue=1500k,up.rate=20m,up.queue=400k,user-rtt=20ms',
  },
  {
    // A crowded channel: frames wait for the air (jitter of 5 to 20 ms), retries end in short bursts
    // of loss and blocks out of order; the wire behind it is that of `cable`.
    name: 'wifi-busy',
    title: 'Wi-Fi with many neighbours',
    link: 'delay=12ms,jitter=8ms,burst=0.7%/3,reorder=0.5%/5ms,rate=25m,queue=200k,user-rtt=20ms',
  },
  {
    // Geostationary: 36,000 km up and down are 240 ms each way, with access control 280 to 300
    // (RFC 2488, RFC 8975 §2); consumer plans of 50 / 3 Mbit/s; residual loss after coding.
    name: 'satellite',
    title: 'geostationary satellite',
    link:
      'delay=290ms,jitter=5ms,loss=0.3%,down.rate=50m,' +
      'down.queue=2m,up.rate=3m,up.queue=250k,user-rtt=20ms',
  },
  {
    // Switched Ethernet: measured pings of 0.2 to 0.5 ms. No rate: the lab itself is the bound.
    name: 'lan',
    title: 'switched Ethernet',
    link: 'delay=0.15ms,user-rtt=0.3ms',
  },
]

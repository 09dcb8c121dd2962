// What an application ships when it uses everything: minified, then compressed with brotli. A limit is raised only with
// what the bytes are for, one line for each feature:
//
//   core   23 kB   as it was first measured
//         +5.0    one failure path, states of a delivery, known attempts, suspects run alone, keys that park
//         +3.7    publishing: steps that keep order and end, whole batches by key, header rules, idle senders forgotten
//         +0.7    JSON that survives
//         +1.7    requests across clocks, redrives by run marks, dry runs that write nothing
//         +2.6    errors as data without secrets, a logger, health that says since when
//         +1.3    every argument of a public call checked
//         +3.0    keys that wait for a dead-lettered message: looks at its queue, shared and in vain, originals that run anew
//         +0.2    waiting retries that another process takes over
//         +1.0    failures that outlast a time to live, a close and a broker that counts prefetches; observers of blocked keys
//         +0.6    one budget for the event loop, requests bounded in bytes, methods of observers' classes checked
//         +0.2    first publishes that ask nothing again, one bound in bytes on logs and in looks
//         +1.5    calls of handlers known by whatever they call, takers, middleware that is heard, closings that say what for
//         +1.2    answers that cannot be read or come later, refusals for good, credentials of more kinds taken out
//         +0.6    loops and publish middleware that close, options read once, errors and factories that refuse what is odd
//         +0.5    redrives of shared dead-letter queues, removals while nobody runs, what is put off waits on the broker
//         +1.0    what was let go comes first in its key, bounds on what waits that grow, watermarks tried again, the broker's time
//         +0.9    publishes that are what they were at the call, middleware that is refused, bytes from acceptance on
//         +0.9    a remedy for every error, options that mean nothing refused, reports of one line
//         +1.0    requests answered outside of middleware, breakers that tell outages from bad messages, closings cut short
//         +1.6    marks of what runs alone, redrives that end when told to, callbacks of a redrive, memory counted as it is
//         +0.5    redriven messages that run in their place, logs that are read on while keys are blocked
//         +0.7    stored forms read again, first values of a contract looked at closely, remedies for each kind of loss
//         +0.3    cookies, tokens, arguments and logins without a scheme taken out of error texts
//         +0.8    replies tried again by themselves, requests remembered by their replies, messages to a responder that ask for none
//   spi     5 kB   as it was first measured
//         +3.0    what log adapters share: partition buffers, delay tiers, the forwarder of due messages
//         +0.2    what they keep beside an offset of retries that wait
//         +0.6    the budget of the event loop, credentials of more kinds taken out
//         +0.8    options read once, URLs that are no text; from adapters: sizes, an estimate of them, chains of causes
//         +0.4    maps bounded in bytes for all adapters, outstanding messages of two of them
//         +0.6    delays by the broker's clock
//         +0.5    cookies, tokens, arguments and logins without a scheme taken out; options that quote no text
export default [
  {
    name: "@waybill/core, everything",
    path: "packages/core/dist/index.js",
    import: "*",
    limit: "54.5 kB",
    brotli: true,
  },
  {
    name: "@waybill/core/spi, everything",
    path: "packages/core/dist/spi/index.js",
    import: "*",
    limit: "11.1 kB",
    brotli: true,
  },
];

import type { Delivery } from '../../events/waiters.ts';

/** Wraps a renderer so that all waiters which share a delivery get the same bytes, rendered once. */
export function renderOnce(render: (delivery: Delivery) => string): (delivery: Delivery) => Buffer {
  const rendered = new WeakMap<Delivery, Buffer>();
  return (delivery) => {
    let body = rendered.get(delivery);
    if (!body) {
      body = Buffer.from(render(delivery));
      rendered.set(delivery, body);
    }
    return body;
  };
}

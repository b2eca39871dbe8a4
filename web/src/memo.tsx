// SPDX-License-Identifier: Apache-2.0
// Draws a component again only when one of its properties is another object.
import { Component, type FunctionComponent } from "preact";

export function memo<P extends object>(Inner: FunctionComponent<P>) {
  return class extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      const [a, b] = [this.props as Record<string, unknown>, next as Record<string, unknown>];
      const names = Object.keys(b);
      return names.length !== Object.keys(a).length || names.some((name) => a[name] !== b[name]);
    }
    override render(props: P) {
      return <Inner {...props} />;
    }
  };
}

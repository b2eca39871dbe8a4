// SPDX-License-Identifier: Apache-2.0
// A view whose code comes when it is first asked for, so that the page's first load stays small.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ErrorBox, Loading } from "./parts";

export function lazily<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let known: ComponentType<P> | null = null;
  return function Lazy(props: P) {
    const [View, setView] = useState(() => known);
    const [error, setError] = useState<unknown>(null);
    useEffect(() => {
      if (View) return;
      load().then((view) => {
        known = view;
        setView(() => view);
      }, setError);
    }, [View]);
    if (View) return <View {...props} />;
    // The server may have a newer page by now, without this one's parts.
    return error ? <ErrorBox error={error} retry={() => location.reload()} /> : <Loading />;
  };
}

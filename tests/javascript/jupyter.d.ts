/** What the extension uses of JupyterLab 4.2 and later, and of CodeMirror; and its own words. */

declare namespace CM {
  type State = typeof import("@codemirror/state");
  type View = typeof import("@codemirror/view");
  type Extension = import("@codemirror/state").Extension;
  type Text = import("@codemirror/state").Text;
}

declare namespace Jupyter {
  interface Signal<Args> {
    connect(slot: (sender: unknown, args: Args) => void): boolean;
    disconnect(slot: (sender: unknown, args: Args) => void): boolean;
  }
  interface Widget {
    readonly node: HTMLElement;
    readonly disposed: Signal<void>;
  }

  // The server's messages: what stands in them is foreign.
  interface Message {
    header: { msg_type: string };
    parent_header: { msg_id?: string };
    content: { ename?: unknown; data?: any };
  }
  interface Future {
    onIOPub: (message: Message) => void;
  }
  interface Comm {
    commsOverSubshells?: string;
    send(data: object): Future;
    dispose(): void;
  }
  interface Kernel {
    requestCommInfo(content: { target_name: string }): Promise<{ content: { comms?: object } }>;
    createComm(target: string, id: string): Comm;
  }
  interface Session {
    readonly session: { readonly kernel: Kernel | null } | null;
    readonly iopubMessage: Signal<Message>;
    readonly kernelChanged: Signal<unknown>;
    readonly statusChanged: Signal<string>;
  }

  interface Outputs {
    readonly length: number;
    get(index: number): { readonly data: Record<string, unknown> };
  }
  interface CellModel {
    readonly type: string;
    readonly outputs?: Outputs;
    readonly sharedModel: { getSource(): string };
  }
  interface Cell extends Widget {
    readonly model: CellModel;
    readonly outputArea?: Widget & {
      readonly future: { readonly msg: { readonly header: { msg_id: string } } } | null;
    };
  }
  interface NotebookModel {
    readonly readOnly: boolean;
    readonly cells: Iterable<CellModel>;
    readonly contentChanged: Signal<void>;
    readonly sharedModel: { insertCell(index: number, cell: object): unknown };
  }
  interface Notebook extends Widget {
    readonly model: NotebookModel | null;
    readonly widgets: readonly Cell[];
    activeCellIndex: number;
    mode: string;
    activate(): void;
    deselectAll(): void;
  }
  interface Panel extends Widget {
    readonly content: Notebook;
    readonly context: {
      readonly contentsModel: { readonly writable: boolean } | null;
      readonly model: NotebookModel;
    };
    readonly sessionContext: Session;
  }
  interface App {
    readonly docRegistry: {
      addWidgetExtension(
        factory: string,
        extension: { createNew(panel: Panel): unknown },
      ): unknown;
    };
    readonly shell: {
      readonly currentWidget: (Widget & { content?: { model?: Partial<NotebookModel> } }) | null;
      readonly currentChanged?: Signal<unknown>;
      add(widget: Widget, area: string, options: { rank: number }): void;
    };
  }
  interface Plugin {
    id: string;
    autoStart: boolean;
    requires?: object[];
    optional?: object[];
    activate(app: App, ...services: any[]): unknown;
  }

  /** What notebooks and the clipboard are told to do. */
  interface Doing {
    NotebookActions?: { run(notebook: Notebook, session: Session): Promise<boolean> };
    Clipboard?: { copyToSystem(text: string): void };
  }
  type Modules = [
    codemirror?: {
      IEditorExtensionRegistry: object;
      IEditorLanguageRegistry: object;
      EditorExtensionRegistry: { createImmutableExtension(extension: CM.Extension): object };
    },
    state?: CM.State,
    view?: CM.View,
    statusbar?: { IStatusBar: object },
    widgets?: { Widget: new (options: { node: HTMLElement }) => Widget },
    notebook?: Doing,
    apputils?: Doing,
  ];
  type Scope = Record<string, Record<string, { loaded?: unknown; get(): Promise<() => unknown> }>>;
}

declare namespace Page {
  type Made = <Tag extends keyof HTMLElementTagNameMap>(
    tag: Tag,
    className: string,
    attributes: Record<string, string>,
  ) => HTMLElementTagNameMap[Tag];
  type Button = [label: string, title: string, press: () => string | void];
  type Take = (take: (code: string) => unknown, done: string) => () => string;
  type Bar = (name: string, label: string, buttons: Button[]) => HTMLElement;
}

interface Window {
  _JUPYTERLAB?: Record<string, { init(scope: Jupyter.Scope): void; get(): Promise<() => object> }>;
}
interface HTMLElementEventMap {
  "m1-magic:insert": CustomEvent<{ source?: unknown } | null>;
}

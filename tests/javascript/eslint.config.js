// What the extension may not do: make elements of text, run text, ask another server.
const banned = (...names) => names.map((name) => ({ name, message: "See SECURITY.md." }));

export default [
  {
    files: ["**/*.js"],
    linterOptions: { reportUnusedDisableDirectives: "error", noInlineConfig: true },
    languageOptions: { sourceType: "script", ecmaVersion: 2024 },
    rules: {
      "max-lines": ["error", { max: 350, skipBlankLines: true, skipComments: true }],
      "max-len": ["error", { code: 100 }],
      "max-lines-per-function": ["error", 50],
      eqeqeq: "error",
      "no-var": "error",
      "prefer-const": "error",
      "no-unused-vars": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-script-url": "error",
      "no-restricted-globals": [
        "error",
        ...banned("eval", "Function", "fetch", "XMLHttpRequest", "WebSocket", "EventSource"),
        ...banned("importScripts", "DOMParser", "localStorage", "sessionStorage"),
      ],
      "no-restricted-syntax": [
        "error",
        "ImportExpression",
        ...[
          "innerHTML", "outerHTML", "insertAdjacentHTML", "setHTMLUnsafe", "createContextualFragment",
          "write", "writeln", "eval", "Function", "fetch", "XMLHttpRequest", "sendBeacon", "srcdoc",
          "execCommand",
        ].flatMap((name) => [`MemberExpression[property.name='${name}']`, `Literal[value='${name}']`]),
      ],
    },
  },
];

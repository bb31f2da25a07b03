/** A generated client, with a program that uses it in `clients/NAME/`. */
export interface Client {
  /** The name of its folder. */
  name: string;
  /** Also the name of the file that tests it: `LANGUAGE.test.ts`. */
  language: 'typescript' | 'python' | 'go' | 'java';
  /** What has to be installed. */
  needs: readonly (keyof typeof TOOLS)[];
  /**
   * Commands for a shell, run one after the other in a copy of the folder that holds `openapi.json`, too. Each must succeed. They
   * are the commands of clients/README.md.
   */
  generate: readonly string[];
  /** The same. Warnings are errors as far as the compiler can make them so. */
  compile: readonly string[];
  /** Starts the program; its parameters follow. */
  run: string;
}

/** What clients need: a command that succeeds if it is there, and what installs it. */
export const TOOLS = {
  npm: { check: 'command -v openapi-typescript openapi-ts', install: 'npm ci --prefix clients' },
  python: {
    check:
      'command -v openapi-generator-cli openapi-python-client && python -c "import attrs, dateutil, httpx, pydantic, urllib3"',
    install: '.venv/bin/pip install -r clients/requirements.txt',
  },
  java: { check: 'java -version', install: 'apt-get install default-jre-headless' },
  maven: { check: 'javac -version && mvn -version', install: 'apt-get install default-jdk-headless maven' },
  go: { check: 'go version', install: 'https://go.dev/dl/, 1.26 or newer' },
  oapiCodegen: {
    check: 'command -v oapi-codegen',
    install:
      'GOBIN=$PWD/.tools/bin go install github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2',
  },
} as const;

/** `-W error` makes every warning of Python an error. */
const PYTHON = 'python -W error';

export const CLIENTS: readonly Client[] = [
  {
    name: 'openapi-fetch',
    language: 'typescript',
    needs: ['npm'],
    generate: ['openapi-typescript openapi.json --default-non-nullable false -o generated/schema.ts'],
    compile: ['tsc'],
    run: 'node compiled/scenario.js',
  },
  {
    name: 'hey-api',
    language: 'typescript',
    needs: ['npm'],
    generate: ['openapi-ts --no-log-file'],
    compile: ['tsc'],
    run: 'node compiled/scenario.js',
  },
  {
    name: 'typescript-fetch',
    language: 'typescript',
    needs: ['npm', 'python', 'java'],
    generate: [
      'openapi-generator-cli generate -i openapi.json -g typescript-fetch -o generated --additional-properties=importFileExtension=.js',
    ],
    compile: ['tsc'],
    run: 'node compiled/scenario.js',
  },
  {
    name: 'python',
    language: 'python',
    needs: ['python', 'java'],
    generate: [
      'openapi-generator-cli generate -i openapi.json -g python -o generated --additional-properties=packageName=coreframe_client',
    ],
    compile: [`${PYTHON} -m compileall -q generated/coreframe_client scenario.py`],
    run: `PYTHONPATH=generated ${PYTHON} scenario.py`,
  },
  {
    name: 'openapi-python-client',
    language: 'python',
    needs: ['python'],
    generate: [
      'openapi-python-client generate --path openapi.json --config config.yaml --output-path generated --overwrite --fail-on-warning',
    ],
    compile: [`${PYTHON} -m compileall -q generated/coreframe_client scenario.py`],
    run: `PYTHONPATH=generated ${PYTHON} scenario.py`,
  },
  {
    name: 'go',
    language: 'go',
    needs: ['python', 'java', 'go'],
    generate: [
      'openapi-generator-cli generate -i openapi.json -g go -o coreframe --additional-properties=packageName=coreframe,withGoMod=false,useOneOfDiscriminatorLookup=true',
      'rm -r coreframe/test coreframe/docs',
    ],
    compile: ['go vet .', 'go build -o scenario .'],
    run: './scenario',
  },
  {
    name: 'oapi-codegen',
    language: 'go',
    needs: ['go', 'oapiCodegen'],
    generate: [
      'mkdir -p coreframe',
      'oapi-codegen -generate types,client -package coreframe -o coreframe/client.gen.go openapi.json',
    ],
    compile: ['go vet .', 'go build -o scenario .'],
    run: './scenario',
  },
  {
    name: 'java',
    language: 'java',
    needs: ['python', 'maven'],
    generate: [
      'openapi-generator-cli generate -i openapi.json -g java -o generated --additional-properties=library=native,invokerPackage=org.coreframe,apiPackage=org.coreframe.api,modelPackage=org.coreframe.model,openApiNullable=false,containerDefaultToNull=true',
    ],
    compile: ['mvn -q -B compile'],
    run: "java -cp 'target/classes:target/lib/*' Scenario",
  },
];

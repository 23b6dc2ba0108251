#!/bin/bash -eu
ctest --test-dir "$WORK/rouse" --output-on-failure --tests-regex '^replay'

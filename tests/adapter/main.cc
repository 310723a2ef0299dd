// recrypt-adapter: core's cryptography and formats for foreign test vectors. Reads one JSON request
// a line on standard input, {"op":…, …}, and answers each with one line: {"ok":…},
// {"reject":reason}, or {"unsupported":true} for an operation that it does not know.
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>

#include "core/base/secret.h"
#include "tests/adapter/operations.h"

namespace recrypt::adapter {
namespace {

const Operation* FindOperation(std::string_view name) {
  for (const auto& table : {CryptoOperations(), JoseOperations(), FormatOperations()}) {
    for (const Operation& operation : table) {
      if (operation.name == name) return &operation;
    }
  }
  return nullptr;
}

Json Reject(std::string_view reason) { return Json{{"reject", reason}}; }

Json Answer(std::string_view line) {
  const auto request = ParseJson(line);
  if (!request) return Reject(request.error().message);
  const auto name = GetString(*request, "op");
  if (!name) return Reject(name.error().message);
  const Operation* operation = FindOperation(*name);
  if (operation == nullptr) return Json{{"unsupported", true}};
  Result<Json> result = operation->run(*request);
  if (!result) return Reject(result.error().message);
  return Json{{"ok", std::move(*result)}};
}

Json AnswerWithoutThrowing(std::string_view line) {
  try {
    return Answer(line);
  } catch (const std::exception& error) {  // such as bad_alloc
    return Reject(error.what());
  }
}

}  // namespace

Result<Bytes> GetHex(const Json& request, std::string_view name) {
  RECRYPT_ASSIGN(const std::string text, GetString(request, name));
  auto bytes = HexDecode(text);
  if (!bytes) return Fail(bytes.error(), name);
  return bytes;
}

}  // namespace recrypt::adapter

int main() {
  recrypt::HardenProcess();
  std::string line;
  while (std::getline(std::cin, line)) {
    std::cout << recrypt::DumpJson(recrypt::adapter::AnswerWithoutThrowing(line)) << std::endl;
  }
  return 0;
}

#include "core/json/jsonbcd.h"
#include "core/label/expression.h"
#include "core/udf/udf.h"
#include "tests/adapter/operations.h"

namespace recrypt::adapter {
namespace {

Result<Json> JsonText(const Json& request) {
  RECRYPT_ASSIGN(const Bytes text, GetHex(request, "text"));
  RECRYPT_TRY(ParseJson(AsText(text)));
  return Json("");
}

Result<Json> JsonBcd(const Json& request) {
  RECRYPT_ASSIGN(const Bytes data, GetHex(request, "data"));
  RECRYPT_ASSIGN(const Json value, ParseJsonBcd(data));
  return HexText(AsBytes(DumpJson(value)));
}

Result<Json> Udf(const Json& request) {
  RECRYPT_ASSIGN(const std::string content_type, GetString(request, "content_type"));
  RECRYPT_ASSIGN(const Bytes data, GetHex(request, "data"));
  return Json(ContentUdf(content_type, data));
}

Result<Json> Label(const Json& request) {
  RECRYPT_ASSIGN(const std::string text, GetString(request, "text"));
  RECRYPT_ASSIGN(const LabelExpression expression, LabelExpression::Parse(text));
  Json out = Json::array();
  for (const auto& alternative : expression.alternatives()) {
    Json names = Json::array();
    for (const LabelName& name : alternative) names.push_back(name.text());
    out.push_back(std::move(names));
  }
  return out;
}

constexpr Operation kOperations[] = {
    {"json", JsonText},
    {"jsonbcd", JsonBcd},
    {"udf", Udf},
    {"label", Label},
};

}  // namespace

std::span<const Operation> FormatOperations() { return kOperations; }

}  // namespace recrypt::adapter

#include "client/told_pins.h"

namespace recrypt {

Json WritePins(const std::vector<TrustPin>& pins) {
  Json list = Json::array();
  for (const TrustPin& pin : pins) {
    list.push_back({{"subject", static_cast<int>(pin.subject)},
                    {"name", pin.name},
                    {"udf", pin.udf},
                    {"how", pin.how},
                    {"since", pin.since}});
  }
  return list;
}

Status TakePins(const Json& object, TrustStore& trust) {
  RECRYPT_ASSIGN(const Json* list, GetArray(object, "pins"));
  for (const Json& item : *list) {
    RECRYPT_ASSIGN(const uint64_t subject, GetUint(item, "subject"));
    if (subject > static_cast<uint64_t>(TrustSubject::kShare)) continue;
    TrustPin pin;
    pin.subject = static_cast<TrustSubject>(subject);
    RECRYPT_ASSIGN(pin.name, GetString(item, "name"));
    RECRYPT_ASSIGN(pin.udf, GetString(item, "udf"));
    RECRYPT_ASSIGN(pin.how, GetString(item, "how"));
    RECRYPT_ASSIGN(pin.since, GetInt(item, "since"));
    RECRYPT_TRY(trust.Pin(pin, PinChange::kReplace));
  }
  return {};
}

}  // namespace recrypt

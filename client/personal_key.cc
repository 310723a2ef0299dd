#include "client/personal_key.h"

#include "client/profile_admin.h"

namespace recrypt {

Status AddPersonalKey(Client& client, const PublicKey& group) {
  const Identity& identity = client.keystore().identity();
  const PrivateKey key = PrivateKey::Generate(identity.device_sign.curve());
  RECRYPT_ASSIGN(Json sealed, SealPersonalKey(identity.account, key, group));
  RECRYPT_TRY(UpdateProfile(client, [&](Profile& profile) -> Status {
    auto& keys = profile.personal;
    keys.insert(keys.begin(), {key.public_key(), std::move(sealed)});
    if (keys.size() > kMaxPersonalKeys) keys.pop_back();
    return {};
  }));
  return {};
}

}  // namespace recrypt

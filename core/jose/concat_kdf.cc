// The Concat KDF of NIST SP 800-56A as RFC 7518 (4.6.2) profiles it.
#include <algorithm>
#include <cstdlib>

#include "core/crypto/symmetric.h"
#include "core/jose/jwe.h"

namespace recrypt {

Secret ConcatKdf(ByteSpan shared_secret, std::string_view algorithm_id, ByteSpan apu, ByteSpan apv,
                 uint32_t bits) {
  constexpr uint32_t kMaxBits = 512;
  if (bits == 0 || bits % 8 != 0 || bits > kMaxBits) std::abort();
  Bytes other_info;
  for (const ByteSpan part : {AsBytes(algorithm_id), apu, apv}) {
    AppendU32(other_info, static_cast<uint32_t>(part.size()));
    Append(other_info, part);
  }
  AppendU32(other_info, bits);

  Secret out(bits / 8);
  Sha256Hasher hasher;
  size_t done = 0;
  for (uint32_t round = 1; done < out.size(); ++round) {
    uint8_t counter[4];
    StoreU32(counter, round);
    hasher.Update(counter);
    hasher.Update(shared_secret);
    hasher.Update(other_info);
    Sha256Digest digest = hasher.Finish();
    const size_t size = std::min(digest.size(), out.size() - done);
    std::copy_n(digest.begin(), size, out.RevealMutable().subspan(done).begin());
    done += size;
    Wipe(digest.data(), digest.size());
  }
  return out;
}

Secret EcdhEsKek(ByteSpan shared_secret, std::string_view alg) {
  return ConcatKdf(shared_secret, alg, {}, {}, 256);
}

}  // namespace recrypt

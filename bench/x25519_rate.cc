// x25519_rate: how many X25519 operations a second the core does on which it runs, by OpenSSL's
// EVP_PKEY_derive with one kept context; the yardstick of grant_bench.py.
//
//   taskset -c 0 x25519_rate 1.0
//   {"x25519_per_second":26772.4}
#include <openssl/evp.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace {

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};

double RatePerSecond(double seconds) {
  const std::unique_ptr<EVP_PKEY, FreeKey> own(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"));
  const std::unique_ptr<EVP_PKEY, FreeKey> peer(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"));
  const std::unique_ptr<EVP_PKEY_CTX, FreeKey> context(EVP_PKEY_CTX_new(own.get(), nullptr));
  if (!own || !peer || !context || EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_derive_set_peer(context.get(), peer.get()) != 1) {
    return 0;
  }
  const auto begun = std::chrono::steady_clock::now();
  std::chrono::duration<double> spent{};
  uint64_t operations = 0;
  while (spent.count() < seconds) {
    for (int i = 0; i < 64; ++i, ++operations) {
      unsigned char secret[32];
      size_t size = sizeof(secret);
      if (EVP_PKEY_derive(context.get(), secret, &size) != 1) return 0;
    }
    spent = std::chrono::steady_clock::now() - begun;
  }
  return static_cast<double>(operations) / spent.count();
}

}  // namespace

int main(int argc, char** argv) {
  const double rate = RatePerSecond(argc > 1 ? std::strtod(argv[1], nullptr) : 1.0);
  std::printf("{\"x25519_per_second\":%.1f}\n", rate);
  return rate > 0 ? 0 : 1;
}

// gcm_cost: the processor time of AES-256-GCM alone, which is what encrypting a file system's data
// costs at least: blocks of 4 KiB, a nonce each, one kept context of OpenSSL's EVP, from one large
// buffer to another, so that the data comes from memory as in a file system.
//
//   gcm_cost 1024          # MiB
//   {"encrypt_per_gib":0.31,"decrypt_per_gib":0.30}
#include <openssl/evp.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <vector>

namespace {

constexpr size_t kBlock = 4096;
constexpr size_t kTag = 16;
constexpr size_t kBlocks = 16384;  // 64 MiB

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

double ProcessorSeconds() {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void Nonce(uint64_t block, unsigned char (&nonce)[12]) { std::memcpy(nonce, &block, sizeof block); }

bool Pass(EVP_CIPHER_CTX* context, bool encrypts, const std::vector<unsigned char>& from,
          std::vector<unsigned char>& to, std::vector<unsigned char>& tags) {
  for (size_t block = 0; block < kBlocks; ++block) {
    unsigned char nonce[12] = {};
    Nonce(block, nonce);
    int size = 0;
    unsigned char* tag = tags.data() + block * kTag;
    if (EVP_CipherInit_ex(context, nullptr, nullptr, nullptr, nonce, -1) != 1) return false;
    if (!encrypts && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTag, tag) != 1) {
      return false;
    }
    if (EVP_CipherUpdate(context, to.data() + block * kBlock, &size, from.data() + block * kBlock,
                         kBlock) != 1 ||
        EVP_CipherFinal_ex(context, to.data() + block * kBlock, &size) != 1) {
      return false;
    }
    if (encrypts && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTag, tag) != 1) {
      return false;
    }
  }
  return true;
}

// Processor seconds for a GiB; below 0 when OpenSSL refuses.
double Cost(bool encrypts, size_t passes, const std::vector<unsigned char>& from,
            std::vector<unsigned char>& to, std::vector<unsigned char>& tags) {
  const unsigned char key[32] = {1, 2, 3};
  const Context context(EVP_CIPHER_CTX_new());
  if (EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key, nullptr,
                        encrypts ? 1 : 0) != 1) {
    return -1;
  }
  const double begun = ProcessorSeconds();
  for (size_t i = 0; i < passes; ++i) {
    if (!Pass(context.get(), encrypts, from, to, tags)) return -1;
  }
  const double gibibytes = static_cast<double>(passes * kBlocks * kBlock) / (1u << 30);
  return (ProcessorSeconds() - begun) / gibibytes;
}

}  // namespace

int main(int argc, char** argv) {
  const size_t mebibytes = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1024;
  const size_t passes = mebibytes / 64 + 1;
  std::vector<unsigned char> plain(kBlocks * kBlock, 1), sealed(plain.size(), 2),
      tags(kBlocks * kTag, 3);
  const double encrypting = Cost(true, passes, plain, sealed, tags);
  const double decrypting = Cost(false, passes, sealed, plain, tags);
  std::printf("{\"encrypt_per_gib\":%.4f,\"decrypt_per_gib\":%.4f}\n", encrypting, decrypting);
  return encrypting > 0 && decrypting > 0 ? 0 : 1;
}

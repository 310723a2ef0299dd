// NodeCache: verified tables and index blocks of a document, the latest used.
//
//   if (auto node = cache.Find(level, number)) ...
//   cache.Put(level, number, node);
//
// Thread safe; its mutex is a leaf of the lock order.
#ifndef RECRYPT_CORE_JCD_NODE_CACHE_H_
#define RECRYPT_CORE_JCD_NODE_CACHE_H_

#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "core/jcd/node.h"

namespace recrypt {

class NodeCache {
 public:
  // Some 5 KB for each node.
  explicit NodeCache(size_t capacity) : capacity_(capacity) {}

  std::shared_ptr<const Node> Find(int level, uint64_t number);
  void Put(int level, uint64_t number, std::shared_ptr<const Node> node);
  void Erase(int level, uint64_t number);
  void Clear();

 private:
  struct Held {
    uint64_t id;
    std::shared_ptr<const Node> node;
  };
  // Numbers of nodes stay far below 2^56.
  static uint64_t Id(int level, uint64_t number) {
    return static_cast<uint64_t>(level) << 56 | number;
  }

  const size_t capacity_;
  std::mutex mutex_;
  std::list<Held> latest_;  // the latest used in front
  std::unordered_map<uint64_t, std::list<Held>::iterator> by_id_;
};

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_NODE_CACHE_H_

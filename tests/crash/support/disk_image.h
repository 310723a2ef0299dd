// DiskImage: a share as it lies on a disk, in memory; the operations of a StoreLog may be done to
// it, and it can be written out as a directory that a file system can be opened on.
//
//   DiskImage image(root_inode);
//   image.Do(op, id);
//   image.WriteOut("/dev/shm/state");
//
// Nodes go by ids, which unlike inode numbers never come back (see PowerCut). Not thread safe.
#ifndef RECRYPT_TESTS_CRASH_SUPPORT_DISK_IMAGE_H_
#define RECRYPT_TESTS_CRASH_SUPPORT_DISK_IMAGE_H_

#include <sys/types.h>

#include <map>
#include <string>

#include "tests/crash/support/store_log.h"

namespace recrypt {

using NodeId = size_t;
constexpr NodeId kRootNode = 0;

struct DiskNode {
  mode_t mode = 0;                      // with the kind
  Bytes content;                        // of a file; the target of a symbolic link
  std::map<std::string, NodeId> names;  // of a directory
  std::map<std::string, Bytes> xattrs;
};

class DiskImage {
 public:
  DiskImage();

  DiskNode& node(NodeId id) { return nodes_.at(id); }
  const std::map<NodeId, DiskNode>& nodes() const { return nodes_; }
  // An operation of the name space or of attributes: `id` is the node of op.inode, `directory` and
  // `to_directory` likewise.
  void Do(const StoreOp& op, NodeId id, NodeId directory, NodeId to_directory);
  // Into an empty directory.
  void WriteOut(const std::string& directory) const;

 private:
  void Rename(const StoreOp& op, NodeId directory, NodeId to_directory);
  void WriteOut(const DiskNode& directory, const std::string& path,
                std::map<NodeId, std::string>& written) const;

  std::map<NodeId, DiskNode> nodes_;
};

// Applies (a part of) a write to a file's bytes.
void PutBytes(Bytes& content, uint64_t offset, ByteSpan data);

}  // namespace recrypt

#endif  // RECRYPT_TESTS_CRASH_SUPPORT_DISK_IMAGE_H_

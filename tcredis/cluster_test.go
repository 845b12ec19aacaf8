package tcredis_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
)

const (
	nodes = 3
	slots = 16384 // of a Redis Cluster
)

// startCluster starts a real Redis Cluster of three masters and no replica.
func startCluster(t testing.TB) ([]*server, *redis.ClusterClient) {
	t.Helper()
	ctx := context.Background()
	needRedis(t)
	var all []*server
	var addrs []string
	for i := range nodes {
		s := &server{addr: freeForNode(t), args: []string{
			"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "1000",
			// The others go on without one.
			"--cluster-require-full-coverage", "no", "--dir", t.TempDir(),
		}}
		s.start(t)
		t.Cleanup(s.stop)
		require.NoError(t, s.client(t).ClusterAddSlotsRange(ctx, slots*i/nodes, slots*(i+1)/nodes-1).Err())
		all, addrs = append(all, s), append(addrs, s.addr)
		host, port, err := net.SplitHostPort(all[0].addr)
		require.NoError(t, err)
		require.NoError(t, s.client(t).ClusterMeet(ctx, host, port).Err())
	}
	for _, s := range all {
		eventually(t, "the cluster does not form", func() bool {
			info := s.client(t).ClusterInfo(ctx).Val()
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprint("cluster_known_nodes:", nodes))
		})
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	t.Cleanup(func() { _ = client.Close() })
	return all, client
}

// freeForNode returns a free address whose port leaves room for that of the
// cluster's bus, 10000 above.
func freeForNode(t testing.TB) string {
	for range 1000 {
		addr := free(t)
		_, port, err := net.SplitHostPort(addr)
		require.NoError(t, err)
		n, err := strconv.Atoi(port)
		require.NoError(t, err)
		if n+10000 > 65535 {
			continue
		}
		if bus, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", n+10000)); err == nil {
			require.NoError(t, bus.Close())
			return addr
		}
	}
	t.Fatal("no port is free for a node of a cluster")
	return ""
}

// keysOf returns the keys of n actions.
func keysOf(n int) []ratelimit.Key {
	var keys []ratelimit.Key
	for i := range n {
		k := key
		k.Action = fmt.Sprint("Describe", i)
		keys = append(keys, k)
	}
	return keys
}

// callAll starts n attempts of each key at the same time. None may wait for long.
func callAll(t testing.TB, p ratelimit.Limiter, keys []ratelimit.Key, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var all sync.WaitGroup
	errs := make(chan error, n*len(keys))
	for _, k := range keys {
		for range n {
			all.Go(func() {
				l := p.ForKey(k)
				if err := l.Wait(ctx, ratelimit.WaitOptions{}); err != nil {
					errs <- err
					return
				}
				l.Done(ratelimit.Result{Verdict: ratelimit.Accepted})
			})
		}
	}
	all.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
}

func TestCluster_reservesEachKeyOnItsNodeAndNoCallFailsWithoutOne(t *testing.T) {
	all, client := startCluster(t)
	ctx, keys := context.Background(), keysOf(24)
	p := newLimiter(t, client, set(1000))
	eventually(t, "a node has no key, or a key no node", func() bool {
		callAll(t, p, keys, 5)
		names := 0
		for _, s := range all {
			own, err := s.client(t).Keys(ctx, "*").Result()
			require.NoError(t, err)
			if len(own) == 0 {
				return false
			}
			names += len(own)
		}
		return names == len(keys)
	})

	lost, before := all[0], all[1].commands(t)+all[2].commands(t)
	lost.stop()
	noticed := false
	for range 5 {
		callAll(t, p, keys, 5)
		noticed = noticed || p.Err() != nil
	}
	require.True(t, noticed, "a node is away")
	lost.start(t)
	eventually(t, "it did not come back", func() bool {
		callAll(t, p, keys, 1)
		return p.Err() == nil && lost.commands(t) >= len(keys)/nodes
	})
	require.Greater(t, all[1].commands(t)+all[2].commands(t), before)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// redisServer is the Redis of the processes.
type redisServer struct {
	addr, what string
	stop       func()
}

// startRedis starts a redis-server, or one in memory if none is installed. It ends with
// ctx, or when it is stopped.
func startRedis(ctx context.Context) (*redisServer, error) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		m, err := miniredis.Run()
		if err != nil {
			return nil, err
		}
		return &redisServer{m.Addr(), "miniredis, for want of a redis-server", m.Close}, nil
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := free.Addr().(*net.TCPAddr)
	if err := free.Close(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, "redis-server", "--port", fmt.Sprint(addr.Port),
		"--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	s := &redisServer{addr.String(), "a redis-server of its own", func() { cancel(); _ = cmd.Wait() }}
	if err := s.ready(ctx); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// ready waits until the server responds.
func (s *redisServer) ready(ctx context.Context) error {
	client := redis.NewClient(&redis.Options{Addr: s.addr})
	defer client.Close()
	var err error
	for range 100 {
		if err = client.Ping(ctx).Err(); err == nil || errors.Is(err, context.Canceled) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}
